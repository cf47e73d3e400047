"""A contract as its customer reads it, in both languages, and the hash of just that."""

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from billing.numbers import decimal_text
from billing.outcomes.contracts import OutcomeKind, PolicyInfo

_TEXTS: Final[Mapping[OutcomeKind, Mapping[str, str]]] = {
    OutcomeKind.SUCCESS_FEE: {
        "en": (
            "You pay {price} {currency} for each fine-tuning job under this contract whose model, "
            "on the {rows} sealed rows of {subject}, reaches a macro-F1 at least {margin} above "
            "the best baseline of its evaluation report (the commonest label, TF-IDF with a linear "
            "model, the base without training), with a p-value below {level} by approximate "
            "randomization on the same rows. Otherwise you pay no success fee. The trained tokens "
            "are charged as for any job. While the contract is in force the sealed rows can be "
            "neither read nor trained on under it. Where you pay in advance the fee is held when "
            "the job is submitted. You can dispute a fee for {dispute_days} days after the job's "
            "end; what proves wrong is given back."
        ),
        "zh-Hans": (
            "按本合约提交的每个微调任务，其模型在 {subject} 的 {rows} 行封存数据上的宏平均 F1 "
            "须比评估报告中的最佳基线（最常见标签、TF-IDF 线性模型、未训练的基础模型）至少高 "
            "{margin}，且在相同行上的近似随机化检验 p 值低于 {level}，您才支付 {price} {currency}；"
            "否则不收取成功费。训练词元照常计费。合约生效期间，封存数据既不能读取，"
            "也不能用于本合约下的训练。预付费账户在提交任务时冻结该费用。"
            "任务结束后 {dispute_days} 天内可对费用提出异议；确属有误的将予退还。"
        ),
    },
    OutcomeKind.CONFIRMED_PREDICTION: {
        "en": (
            "You pay {price} {currency} for each online prediction of the deployment {name} that "
            "feedback confirms, or that no feedback calls wrong within {window_days} days after "
            "its day (UTC). A prediction whose feedback gives another label, or a rating of 1 or "
            "2, costs nothing, as does one without a label. No other price is taken for these "
            "predictions; a call still needs a balance that would cover its usual price, which is "
            "released with the answer. Where the prediction log does not keep the answer, a label "
            "in feedback counts as a correction. You can dispute a day for {dispute_days} days "
            "after it is settled; what proves wrong is given back."
        ),
        "zh-Hans": (
            "部署 {name} 的每次在线预测，经反馈确认，或在当日（UTC）之后 {window_days} 天内"
            "无反馈指出错误的，您支付 {price} {currency}。反馈给出其他标签，或评分为 1 或 2 的预测"
            "不收费；没有标签的预测也不收费。这些预测不收取其他费用；调用时账户余额仍须足以支付"
            "通常价格，该金额随答复一并释放。预测日志未保留答复的，反馈中的标签视为更正。"
            "每日结算后 {dispute_days} 天内可提出异议；确属有误的将予退还。"
        ),
    },
}


def document_of(policy: PolicyInfo, subject: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a contract's terms as they are accepted, kept and shown."""
    terms = policy.terms
    said = {
        "price": decimal_text(terms.price),
        "currency": terms.currency,
        "margin": decimal_text(terms.margin),
        "level": decimal_text(terms.level),
        "window_days": terms.window_days,
        "dispute_days": terms.dispute_days,
    }
    texts = _TEXTS[policy.kind]
    filled = {**said, "subject": subject, "rows": "", "name": "", **facts}
    return {
        "policy": policy.code,
        "version": policy.version,
        "kind": policy.kind.value,
        "name": {"en": policy.name_en, "zh-Hans": policy.name_zh},
        **said,
        "subject": subject,
        "facts": dict(facts),
        "text": {language: text.format_map(filled) for language, text in texts.items()},
    }


def hash_of(document: Mapping[str, Any]) -> str:
    """Return the sha256 of a document, however its keys are ordered."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def beats(
    policy_margin: Decimal, level: Decimal, difference: float | None, p_value: float | None
) -> bool:
    """Say whether a gain on sealed rows earns the fee: above nothing, enough, and not by luck."""
    if difference is None or p_value is None or difference <= 0:
        return False
    return Decimal(str(difference)) >= policy_margin and Decimal(str(p_value)) < level
