"""What the printed report says, in both languages."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_EN: Final = {
    "title": "Evaluation report",
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "micro_f1": "Micro F1",
    "subset_accuracy": "Rows with exactly their labels",
    "f1": "F1 of entities",
    "mae": "Mean absolute error",
    "rmse": "Root mean squared error",
    "r2": "R²",
    "spearman": "Rank correlation",
    "ece": "Calibration error (ECE)",
    "interval": "95 % interval",
    "split_test": "Measured on {rows} rows of the test split, which training never saw.",
    "split_validation": (
        "There was no test split. Measured on {rows} validation rows, which also chose the model: "
        "expect somewhat less on new texts."
    ),
    "better": (
        "The model is better than the best simple method ({name}): {figure} is {gain} higher. "
        "A difference of this size would hardly be luck (p = {p})."
    ),
    "not_separable": (
        "No real difference to the best simple method ({name}) can be shown on these rows "
        "(p = {p}). More test rows, or more and better training rows, may show one."
    ),
    "worse": (
        "The model is worse than the best simple method ({name}): {figure} is {gain} lower "
        "(p = {p}). "
        "Look at the labels and train longer, or with the other tier."
    ),
    "macro_comparison": (
        "Macro F1: {value}, {gain} points beside the simple method with the best macro F1 "
        "({name}), p = {p} by approximate randomization on the same rows. Contracts with a success "
        "fee go by this comparison."
    ),
    "points": "{gain} points",
    "majority": "always the commonest label",
    "frequency": "always the same commonest labels",
    "mean": "always the mean of the training numbers",
    "word_tag": "each word's commonest tag",
    "tf_idf": "TF-IDF with a linear model",
    "frozen_base": "base without fine-tuning",
    "model": "this model",
    "baselines": "Beside simple methods",
    "method": "Method",
    "too_slow": "not measured: too slow here",
    "no_words": "not measured: the texts hold no words",
    "per_class": "By label",
    "average_precision": "Average precision",
    "curves": "Precision by recall",
    "worst": "Worst errors",
    "text": "Text",
    "label": "Label",
    "precision": "Precision",
    "recall": "Recall",
    "rows": "Rows",
    "more_labels": "The {count} labels with the most rows are shown.",
    "confusions": "Largest confusions",
    "true": "True label",
    "predicted": "Model's answer",
    "slices": "By length of the text",
    "length": "{low} to {high} characters",
    "whole": "read whole",
    "cut": "longer than the model reads",
    "column_slices": "By further columns",
    "column_slices_text": (
        "Marked parts are worse than all other rows (one-sided randomization test at 0.05, Holm's "
        "correction for {tested} parts). Parts of fewer than {least} rows have no verdict."
    ),
    "more_slices": "The first {count} parts are shown.",
    "rest": "Other rows",
    "slice_worse": "worse",
    "slice_range": "{low} to {high}",
    "slice_other": "{count} rarer values",
    "slice_missing": "no value",
    "slice_gone": "value deleted with its dataset",
    "averages": "Averages",
    "macro": "macro",
    "micro": "micro",
    "weighted": "weighted",
    "calibration": "Calibration",
    "score": "Score",
    "right": "Right",
    "speed": "Speed and price",
    "speed_text": (
        "One text: {p50} ms (median), {p95} ms (95th percentile). In batches: {rate} texts/s. "
        "Measured on {device} with {threads} threads when training ended."
    ),
    "precision_text": "It answered in {precision}.",
    "price_text": "1,000 predictions cost {amount} {currency} by today's price list.",
    "method_text": (
        "Intervals: percentile bootstrap, 1,000 resamples. Comparison on the same rows: McNemar "
        "mid-p test of accuracy, approximate randomization of other figures. Calibration: 15 bins "
        "of equal width."
    ),
}

_ZH: Final = {
    "title": "评估报告",
    "accuracy": "准确率",
    "macro_f1": "宏平均 F1",
    "micro_f1": "微平均 F1",
    "subset_accuracy": "标签完全正确的行",
    "f1": "实体 F1",
    "mae": "平均绝对误差",
    "rmse": "均方根误差",
    "r2": "决定系数 R²",
    "spearman": "秩相关系数",
    "ece": "校准误差（ECE）",
    "interval": "95 % 区间",
    "split_test": "在测试集的 {rows} 行上测得，训练时从未见过这些行。",
    "split_validation": (
        "没有测试集。在 {rows} 行验证数据上测得，而这些行也参与了模型的选择："
        "新文本上的结果可能略低。"
    ),
    "better": (
        "该模型优于最好的简单方法（{name}）：{figure}高 {gain}。"
        "这样的差距几乎不可能出于偶然（p = {p}）。"
    ),
    "not_separable": (
        "在这些行上看不出与最好的简单方法（{name}）有真正的差别（p = {p}）。"
        "更多的测试行，或更多更好的训练行，也许能显出差别。"
    ),
    "worse": (
        "该模型不如最好的简单方法（{name}）：{figure}低 {gain}（p = {p}）。"
        "请检查标签，并训练更久或换一种训练方式。"
    ),
    "macro_comparison": (
        "宏平均 F1：{value}，与宏平均 F1 最好的简单方法（{name}）相比 {gain} 个百分点，"
        "在相同行上的近似随机化检验 p = {p}。成功费合约以此比较为准。"
    ),
    "points": "{gain} 个百分点",
    "majority": "总是回答最常见的标签",
    "frequency": "总是回答同样的几个最常见标签",
    "mean": "总是回答训练数值的平均值",
    "word_tag": "每个词最常见的标注",
    "tf_idf": "TF-IDF 加线性模型",
    "frozen_base": "未微调的基座模型",
    "model": "该模型",
    "baselines": "与简单方法比较",
    "method": "方法",
    "too_slow": "未测量：在此机器上太慢",
    "no_words": "未测量：文本中没有词",
    "per_class": "按标签",
    "average_precision": "平均精确率",
    "curves": "精确率随召回率的变化",
    "worst": "最严重的错误",
    "text": "文本",
    "label": "标签",
    "precision": "精确率",
    "recall": "召回率",
    "rows": "行数",
    "more_labels": "仅显示行数最多的 {count} 个标签。",
    "confusions": "最多的混淆",
    "true": "真实标签",
    "predicted": "模型的回答",
    "slices": "按文本长度",
    "length": "{low} 至 {high} 个字符",
    "whole": "完整读入",
    "cut": "超出模型可读的长度",
    "column_slices": "按其他列",
    "column_slices_text": (
        "标出的部分比其余各行差（单侧随机化检验，水平 0.05，按 {tested} 个部分做 Holm 校正）。"
        "少于 {least} 行的部分不作判断。"
    ),
    "more_slices": "仅显示前 {count} 个部分。",
    "rest": "其余各行",
    "slice_worse": "较差",
    "slice_range": "{low} 至 {high}",
    "slice_other": "{count} 个较少见的值",
    "slice_missing": "无值",
    "slice_gone": "该值已随数据集删除",
    "averages": "平均",
    "macro": "宏平均",
    "micro": "微平均",
    "weighted": "加权平均",
    "calibration": "校准",
    "score": "得分",
    "right": "正确",
    "speed": "速度与价格",
    "speed_text": (
        "单条文本：{p50} 毫秒（中位数），{p95} 毫秒（95 百分位）。批量：每秒 {rate} 条。"
        "训练结束时在 {device} 上以 {threads} 个线程测得。"
    ),
    "precision_text": "测量时的数值格式为 {precision}。",
    "price_text": "按今天的价目表，1,000 次预测的价格为 {amount} {currency}。",
    "method_text": (
        "区间：百分位自助法，1,000 次重采样。在相同行上比较：准确率用 McNemar mid-p 检验，"
        "其他指标用近似随机化检验。"
        "校准：15 个等宽区间。"
    ),
}

TEXTS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({"en": _EN, "zh-Hans": _ZH})
