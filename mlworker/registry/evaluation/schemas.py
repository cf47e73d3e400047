"""Shapes of the report's answers, for the OpenAPI file and the checks of queries."""

from typing import Any

from rest_framework import serializers

from mlworker.registry.evaluation.selectors import Order

_LANGUAGES = ["en", "zh-Hans"]


class FigureOut(serializers.Serializer[Any]):
    """A figure and its 95 % interval by bootstrap."""

    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class NamedFigureOut(FigureOut):
    """A figure by its name."""

    name = serializers.CharField(
        help_text="accuracy, macro_f1, micro_f1, subset_accuracy, f1, mae, rmse, r2, spearman ..."
    )


class MeanOut(serializers.Serializer[Any]):
    """What answering the training rows' mean would be off by."""

    mae = serializers.FloatField()
    rmse = serializers.FloatField()


class NumbersReportOut(serializers.Serializer[Any]):
    """Of a regression: answers beside true numbers, and the mean as a rival."""

    points = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()),
        help_text="[true, answer] of at most 500 rows.",
    )
    mean = MeanOut()


class AverageOut(serializers.Serializer[Any]):
    """Precision, recall and F1 averaged over labels."""

    precision = serializers.FloatField()
    recall = serializers.FloatField()
    f1 = serializers.FloatField()


class AveragesOut(serializers.Serializer[Any]):
    """macro: each label the same; micro: each row the same; weighted: labels by their rows."""

    macro = AverageOut()
    micro = AverageOut()
    weighted = AverageOut()


class LabelLineOut(serializers.Serializer[Any]):
    """One label's figures."""

    label = serializers.CharField()  # type: ignore[assignment] # the API's name, not DRF's
    precision = serializers.FloatField()
    recall = serializers.FloatField()
    f1 = serializers.FloatField()
    f1_low = serializers.FloatField()
    f1_high = serializers.FloatField()
    support = serializers.IntegerField(help_text="Rows of this label.")
    predicted = serializers.IntegerField(help_text="Rows called so.")
    average_precision = serializers.FloatField(
        allow_null=True, help_text="Of the 20 labels with the most rows."
    )


class ConfusionOut(serializers.Serializer[Any]):
    """`counts[true][predicted]` up to 50 labels, else the largest confusions in `cells`."""

    counts = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField()), allow_null=True
    )
    cells = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField()),
        allow_null=True,
        help_text="[true, predicted, rows], labels by their place in `labels`.",
    )


class CurveOut(serializers.Serializer[Any]):
    """Precision against recall of one label."""

    label = serializers.CharField()  # type: ignore[assignment] # the API's name, not DRF's
    points = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()),
        help_text="[recall, precision], recall ascending.",
    )


class ReliabilityBinOut(serializers.Serializer[Any]):
    """Answers whose score lies in (low, high]."""

    low = serializers.FloatField()
    high = serializers.FloatField()
    rows = serializers.IntegerField()
    confidence = serializers.FloatField(help_text="Mean score.")
    accuracy = serializers.FloatField()


class CalibrationOut(serializers.Serializer[Any]):
    """Expected calibration error and the reliability diagram."""

    ece = serializers.FloatField()
    bins = ReliabilityBinOut(many=True)


class SliceOut(serializers.Serializer[Any]):
    """Part of the rows: a quarter by length in characters, or texts read whole or cut."""

    by = serializers.ChoiceField(choices=["length", "whole", "cut"])
    low = serializers.IntegerField()
    high = serializers.IntegerField()
    rows = serializers.IntegerField()
    accuracy = FigureOut()


class ColumnSliceOut(serializers.Serializer[Any]):
    """Rows that are alike in one column."""

    kind = serializers.ChoiceField(
        choices=["value", "range", "other", "missing"],
        help_text="range: a quarter of the numbers; other: rarer values together.",
    )
    value = serializers.JSONField(
        allow_null=True, help_text="Of kind value; null once the dataset has been deleted."
    )
    row = serializers.IntegerField(
        allow_null=True, help_text="A row with that value, or with the lowest of a range."
    )
    low = serializers.FloatField(allow_null=True, help_text="Of kind range; null like `value`.")
    high = serializers.FloatField(allow_null=True)
    values = serializers.IntegerField(allow_null=True, help_text="Of kind other: how many.")
    rows = serializers.IntegerField()
    figure = FigureOut(allow_null=True, help_text="Null where there is nothing to count.")
    rest = serializers.FloatField(allow_null=True, help_text="The figure of all other rows.")
    p_value = serializers.FloatField(
        allow_null=True,
        help_text="One-sided, after Holm's correction; null when it was not tested.",
    )
    verdict = serializers.ChoiceField(
        choices=["worse", "not_separable"],
        allow_null=True,
        help_text="Against all other rows; null when too few rows or cases are on one side.",
    )


class SlicedColumnOut(serializers.Serializer[Any]):
    """One further column of the dataset."""

    column = serializers.CharField()
    kind = serializers.ChoiceField(choices=["category", "boolean", "number"])
    slices = ColumnSliceOut(many=True)


class SkippedColumnOut(serializers.Serializer[Any]):
    """A column that cuts nothing."""

    column = serializers.CharField()
    reason = serializers.ChoiceField(choices=["same", "all_different"])


class ColumnSlicesOut(serializers.Serializer[Any]):
    """The rows by further columns of their dataset: where the model is worse."""

    figure = serializers.CharField(help_text="accuracy, micro_f1, f1 or mae.")
    higher_is_better = serializers.BooleanField()
    level = serializers.FloatField()
    method = serializers.CharField(help_text="subset_randomization")
    correction = serializers.CharField(help_text="holm")
    tested = serializers.IntegerField(help_text="Slices that were asked, which Holm corrects for.")
    least_rows = serializers.IntegerField(help_text="Smaller slices have no verdict.")
    columns = SlicedColumnOut(many=True)
    skipped = SkippedColumnOut(many=True)
    dataset_deleted = serializers.BooleanField()


class SampleOut(serializers.Serializer[Any]):
    """A row by its number; `label` and `predicted` are places in `labels`."""

    row = serializers.IntegerField()
    label = serializers.IntegerField()  # type: ignore[assignment] # the API's name, not DRF's
    predicted = serializers.IntegerField()
    score = serializers.FloatField()
    label_score = serializers.FloatField(help_text="What the true label was given.")


class BaselineFigureOut(serializers.Serializer[Any]):
    """A figure without an interval."""

    name = serializers.CharField()
    value = serializers.FloatField()


class BaselineOut(serializers.Serializer[Any]):
    """What a simpler model reaches on the same rows."""

    name = serializers.ChoiceField(
        choices=["majority", "frequency", "mean", "word_tag", "tf_idf", "frozen_base"],
        help_text=(
            "majority: the commonest label; frequency: the same commonest labels for every text; "
            "mean: the training numbers' mean; word_tag: each word's commonest tag; tf_idf: words "
            "and pairs with a linear model; frozen_base: the base without fine-tuning."
        ),
    )
    figures = BaselineFigureOut(many=True, help_text="The task's figures; none when skipped.")
    accuracy = serializers.FloatField(
        allow_null=True, help_text="Null where the task has none, as below."
    )
    macro_f1 = serializers.FloatField(allow_null=True)
    fitted_rows = serializers.IntegerField()
    seconds = serializers.FloatField()
    skipped = serializers.CharField(
        allow_null=True, help_text="Why there is no figure: too_slow or no_words."
    )


class ComparisonOut(serializers.Serializer[Any]):
    """The model against the best baseline on the same rows, by the task's main figure."""

    baseline = serializers.CharField()
    figure = serializers.CharField(help_text="accuracy, micro_f1, f1 or r2.")
    difference = serializers.FloatField(help_text="In that figure.")
    model_only = serializers.IntegerField(
        help_text="Rows the model alone got right; of numbers those where it is nearer."
    )
    baseline_only = serializers.IntegerField()
    p_value = serializers.FloatField()
    method = serializers.CharField(
        help_text="mcnemar_mid_p for accuracy, else approximate_randomization."
    )
    level = serializers.FloatField()
    verdict = serializers.ChoiceField(choices=["better", "not_separable", "worse"])


class MacroF1ComparisonOut(ComparisonOut):
    """The model against the baseline with the best macro-F1; what a success fee goes by."""

    value = serializers.FloatField(help_text="The model's macro-F1.")


class SpeedOut(serializers.Serializer[Any]):
    """Measured when training ended, with the engine that serves."""

    p50_ms = serializers.FloatField()
    p95_ms = serializers.FloatField()
    rows_per_second = serializers.FloatField()
    calls = serializers.IntegerField()
    rows = serializers.IntegerField()
    threads = serializers.IntegerField()
    device = serializers.CharField()
    precision = serializers.CharField(
        required=False, help_text="The number format it was measured in; not told by old reports."
    )


class ThousandPriceOut(serializers.Serializer[Any]):
    """What 1,000 predictions cost by today's price list."""

    amount = serializers.CharField()
    currency = serializers.CharField()


class EvaluationOut(serializers.Serializer[Any]):
    """The evaluation report of a model version."""

    object = serializers.CharField(default="model.evaluation")
    model = serializers.CharField()
    format = serializers.IntegerField()
    task = serializers.CharField()
    split = serializers.CharField(help_text="test, or validation where there was no test split.")
    chosen_on = serializers.BooleanField(
        help_text="True: the rows also chose the model, so the figures flatter it."
    )
    rows = serializers.IntegerField()
    labels = serializers.ListField(child=serializers.CharField())
    loss = serializers.FloatField()
    figures = NamedFigureOut(many=True, help_text="The task's figures, the main one first.")
    accuracy = FigureOut(allow_null=True, help_text="Null where the task has none, as below.")
    macro_f1 = FigureOut(allow_null=True)
    averages = AveragesOut(allow_null=True)
    interval = serializers.DictField()
    per_class = LabelLineOut(many=True)
    confusion = ConfusionOut(allow_null=True)
    curves = CurveOut(many=True)
    calibration = CalibrationOut(allow_null=True)
    numbers = NumbersReportOut(allow_null=True)
    threshold = serializers.FloatField(
        required=False, help_text="From which score on labels count as given."
    )
    slices = SliceOut(many=True)
    column_slices = ColumnSlicesOut(
        allow_null=True, help_text="Null where the dataset keeps no further columns."
    )
    errors = serializers.IntegerField(  # type: ignore[assignment] # the API's name, not DRF's
        allow_null=True
    )
    worst = SampleOut(many=True)
    best = SampleOut(many=True)
    baselines = BaselineOut(many=True)
    comparison = ComparisonOut(allow_null=True)
    macro_f1_comparison = MacroF1ComparisonOut(allow_null=True)
    speed = SpeedOut()
    seconds = serializers.FloatField(help_text="What the report itself took.")
    price_per_1000 = ThousandPriceOut(allow_null=True)


class EvaluationRowsQuery(serializers.Serializer[Any]):
    """Which answers to show."""

    true = serializers.CharField(
        required=False, max_length=256, trim_whitespace=False, help_text="The rows' own label."
    )
    predicted = serializers.CharField(
        required=False, max_length=256, trim_whitespace=False, help_text="What the model said."
    )
    order = serializers.ChoiceField(
        default=Order.ROW.value,
        choices=[order.value for order in Order],
        help_text="`worst`: errors, the surest first; `best`: right answers, the surest first. "
        "Of numbers all answers: the farthest off first, or the nearest.",
    )
    after = serializers.IntegerField(
        required=False, min_value=0, max_value=2**62, help_text="The last row's number."
    )
    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)


class AnsweredRowOut(serializers.Serializer[Any]):
    """A row and what the model said of it."""

    object = serializers.CharField(default="model.evaluation.row")
    row = serializers.IntegerField()
    text = serializers.CharField(
        allow_null=True, help_text="Null once the dataset has been deleted."
    )
    label = serializers.CharField()  # type: ignore[assignment] # the API's name, not DRF's
    predicted = serializers.CharField()
    score = serializers.FloatField()
    label_score = serializers.FloatField()


class AnsweredRowListOut(serializers.Serializer[Any]):
    """One page of rows."""

    object = serializers.CharField(default="list")
    data = AnsweredRowOut(many=True)  # type: ignore[assignment] # the API's name, not DRF's
    total = serializers.IntegerField()
    dataset_deleted = serializers.BooleanField()
    has_more = serializers.BooleanField()


class LanguageQuery(serializers.Serializer[Any]):
    """Which language the document speaks."""

    language = serializers.ChoiceField(default="en", choices=_LANGUAGES)


class CompareQuery(serializers.Serializer[Any]):
    """Which versions to compare."""

    models = serializers.CharField(
        max_length=1_100, help_text="2 to 5 names of own versions, with commas."
    )


class DifferenceOut(serializers.Serializer[Any]):
    """A fact that differs; `values` in the order of the models, null where one has it not."""

    group = serializers.ChoiceField(
        choices=["model", "data", "training", "config", "evaluation", "f1"]
    )
    name = serializers.CharField()
    values = serializers.ListField(child=serializers.JSONField(allow_null=True))


class CompareOut(serializers.Serializer[Any]):
    """Versions side by side."""

    object = serializers.CharField(default="model.comparison")
    models = serializers.ListField(child=serializers.CharField())
    same_rows = serializers.BooleanField(
        help_text="False: the figures come from different rows and say little side by side."
    )
    differences = DifferenceOut(many=True)
