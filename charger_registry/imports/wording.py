"""Reasons in the reader's language: rules say them in English, as machines are told; pages say them as people read them. Pure."""

import re

CHINESE = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"holds a control character", "含有控制字符"),
        (r"is longer than (\S+) characters", r"超过 \1 个字符"),
        (r"is missing", "缺失"),
        (r"is empty", "为空"),
        (r"is no text", "不是文本"),
        (r"is no list", "不是列表"),
        (r"is no object", "不是对象"),
        (r"(.+) is not a number", r"\1 不是数字"),
        (r"(.+) is not a whole number", r"\1 不是整数"),
        (r"(.+) is not between (\S+) and (\S+)", r"\1 不在 \2 至 \3 之间"),
        (r"(.+) is no code: .*", r"\1 不是编码：只能含字母、数字、*、.、- 和 _"),
        (r"(.+) is no id: .* at most (\d+)", r"\1 不是编号：只能含字母、数字、.、- 和 _，最多 \2 位"),
        (r"(.+) is no date such as (\S+)", r"\1 不是日期，应如 \2"),
        (r"is no time such as (\S+)", r"不是时刻，应如 \1"),
        (r"(.+) is neither yes nor no", r"\1 应为“是”或“否”"),
        (r"(.+) is neither AC nor DC", r"\1 应为“交流”或“直流”"),
        (r"(.+) is neither (?:socket nor cable|SOCKET nor CABLE)", r"\1 应为“插座”或“带线”"),
        (r"(.+) is no amount", r"\1 不是金额"),
        (r"(.+) is no telephone number", r"\1 不是电话号码"),
        (r"(.+) is no division code of .*", r"\1 不是区划代码（2、4、6、9 或 12 位数字）"),
        (r"(.+) is not one of (.+)", r"\1 应为以下之一：\2"),
        (r"(.+) is no connector type .*", r"\1 不是已知的枪类型"),
        (r"(.+) is no number of T/CEC 102's list", r"\1 不在 T/CEC 102 的编码表内"),
        (r"(.+) is no power type of OCPI", r"\1 不是 OCPI 的供电类型"),
        (r"(.+) stands in an earlier row already", r"\1 在前面的行已出现"),
        (
            r"(.+) stands in an earlier row already, and not both name a connector",
            r"\1 在前面的行已出现，且未都写明枪号",
        ),
        (r"stands in an earlier item already", "在前面的设备中已出现"),
        (r"is site (\S+), as an earlier row is", r"与前面的行同为场站 \1"),
        (r"differs from what row (\d+) says", r"与第 \1 行不一致"),
        (r"differs from an earlier row", "与前面的行不一致"),
        (r"has (\d+) cells, the header (\d+)", r"有 \1 个单元格，表头只有 \2 个"),
        (r"a quotation mark is opened and never closed", "引号没有闭合"),
        (r"the point lies (\d+) m outside of division (\S+)", r"坐标在区划 \2 界外 \1 米"),
        (
            r"the site is not filed, and you may not add sites there: file it",
            "该场站尚未备案，您不能在此新增：请先办理备案",
        ),
        (r"the site is filed, and it is not yours to change", "该场站已备案，但不在您可修改的范围内"),
        (r"the site was merged into (\S+)", r"该场站已并入 \1"),
        (r"(\S+) of operator (\S+) is site (\S+)", r"运营商 \2 的充电站编码 \1 已属于场站 \3"),
        (r"station (\S+) belongs to site (\S+)", r"充电桩 \1 已属于场站 \2"),
        (r"a site has at most (\d+)", r"一个场站最多 \1 个"),
        (r"has more than (\d+) members", r"超过 \1 项"),
        (r"is missing, but (.+) is given", r"缺失，却填写了“\1”"),
        (r"is no Point", "不是点（Point）"),
        (
            r"(.+) is a number so long that Excel lost digits of it: .*",
            r"\1 位数过长，Excel 已丢失数字：请把该列设为文本格式",
        ),
        (r"is 5: closed for good; .*", "为 5（关闭下线）：请改为注销场站"),
    )
)


def reason(text: str, language: str) -> str:
    """Return a reason in a language; what has no Chinese stays as it is."""
    if language != "zh":
        return text
    for pattern, chinese in CHINESE:
        if found := pattern.fullmatch(text):
            return found.expand(chinese)
    return text
