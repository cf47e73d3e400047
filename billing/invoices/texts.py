"""What invoices and credit notes say, in both languages."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_EN: Final = {
    "invoice": "Invoice",
    "credit_note": "Credit note",
    "number": "Number",
    "issued": "Date",
    "due": "Payable until",
    "paid_on": "Paid on",
    "of_invoice": "For invoice",
    "seller": "From",
    "customer": "To",
    "tax_id": "Tax number",
    "description": "Description",
    "period": "Period",
    "quantity": "Quantity",
    "amount": "Amount",
    "subtotal": "Subtotal",
    "total": "Total",
    "paid": "Paid",
    "credited": "Credited",
    "amount_due": "To be paid",
    "reverse_charge": "Reverse charge: the customer owes the tax.",
    "reason": "Reason",
    "returned_refund": "{amount} goes back to the card it was paid with.",
    "returned_credit": "{amount} is credit of the account.",
    "returned_outside": "{amount} was returned.",
    "lowered": "{amount} less is to be paid on the invoice.",
    "fapiao": "Fapiao",
    "fapiao_kind": "Kind",
    "fapiao_general": "General VAT fapiao",
    "fapiao_special": "Special VAT fapiao",
    "fapiao_title": "Title",
    "fapiao_taxpayer_id": "Taxpayer number",
    "fapiao_address": "Address",
    "fapiao_phone": "Telephone",
    "fapiao_bank": "Bank",
    "fapiao_account": "Account number",
    "line_fee": "{plan} plan",
    "line_fee_share": "{plan} plan, from the change on",
    "line_fee_cut": "{plan} plan, unused rest",
    "line_fee_unpaid": "{plan} plan, unused rest that was credited and not paid",
    "line_usage": "{meter}, on credit",
    "line_usage_money": "Used on credit",
    "line_minimum": "{meter}: up to the least amount of {minimum}",
    "line_top_up": "Credit",
    "line_discount": "Promotion code",
    "line_discount_percent": "Promotion code, {percent} %",
    "line_outcome_success_fee": "Success fee: {name}",
    "line_outcome_predictions": "Predictions paid by outcome: {name}",
    "line_text": "{text}",
}
_ZH: Final = {
    "invoice": "账单",
    "credit_note": "贷项通知单",
    "number": "编号",
    "issued": "日期",
    "due": "付款期限",
    "paid_on": "付款日期",
    "of_invoice": "对应账单",
    "seller": "销售方",
    "customer": "购买方",
    "tax_id": "税号",
    "description": "项目",
    "period": "期间",
    "quantity": "数量",
    "amount": "金额",
    "subtotal": "小计",
    "total": "合计",
    "paid": "已付",
    "credited": "已冲减",
    "amount_due": "应付",
    "reverse_charge": "反向征收：税款由购买方缴纳。",
    "reason": "原因",
    "returned_refund": "{amount} 将退回原付款卡。",
    "returned_credit": "{amount} 已记入账户余额。",
    "returned_outside": "{amount} 已退还。",
    "lowered": "该账单的应付金额减少 {amount}。",
    "fapiao": "发票",
    "fapiao_kind": "类型",
    "fapiao_general": "增值税普通发票",
    "fapiao_special": "增值税专用发票",
    "fapiao_title": "发票抬头",
    "fapiao_taxpayer_id": "纳税人识别号",
    "fapiao_address": "地址",
    "fapiao_phone": "电话",
    "fapiao_bank": "开户行",
    "fapiao_account": "账号",
    "line_fee": "{plan}套餐",
    "line_fee_share": "{plan}套餐（自变更之日起）",
    "line_fee_cut": "{plan}套餐（未使用部分）",
    "line_fee_unpaid": "{plan}套餐（未使用部分，已抵扣但未支付）",
    "line_usage": "{meter}（信用额度）",
    "line_usage_money": "信用额度内的用量",
    "line_minimum": "{meter}：补足最低金额 {minimum}",
    "line_top_up": "充值",
    "line_discount": "优惠码",
    "line_discount_percent": "优惠码，{percent} %",
    "line_outcome_success_fee": "成功费：{name}",
    "line_outcome_predictions": "按成果付费的预测：{name}",
    "line_text": "{text}",
}

ENGLISH: Final = "en"
CHINESE: Final = "zh-Hans"
TEXTS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({ENGLISH: _EN, CHINESE: _ZH})
_SUFFIX: Final = {ENGLISH: "_en", CHINESE: "_zh"}


class _Params(dict[str, str]):
    """What a text asks for and a line does not have is left empty: old lines stay readable."""

    def __missing__(self, key: str) -> str:
        return ""


def line_text(description: str, params: Mapping[str, str], language: str) -> str:
    """Return a line's text. A parameter in two languages has the ends `_en` and `_zh`.

    A description that nobody knows any more is its ``text``, or its own name.
    """
    said = _Params(params)
    for name, value in params.items():
        if name.endswith(_SUFFIX[language]):
            said[name[: -len(_SUFFIX[language])]] = value
    form = TEXTS[language].get(f"line_{description}")
    return form.format_map(said) if form else said["text"] or description


def line_texts(description: str, params: Mapping[str, str]) -> dict[str, str]:
    """Return a line's text in both languages."""
    return {language: line_text(description, params, language) for language in TEXTS}
