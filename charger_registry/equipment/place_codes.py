"""Words for what a site is for, what it stands at and how parking goes, with T/CEC 102's numbers for them. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """Our word, its names, and T/CEC 102's number (from 100 on some are Zhejiang's)."""

    word: str
    zh: str
    en: str
    cec: int


USAGES = (
    Code("public", "公共", "public", 1),
    Code("private", "个人", "private", 50),
    Code("bus", "公交", "buses", 100),
    Code("sanitation", "环卫", "sanitation", 101),
    Code("logistics", "物流", "logistics", 102),
    Code("taxi", "出租车", "taxis", 103),
    Code("car_sharing", "分时租赁", "car sharing", 104),
    Code("community", "小区共享", "shared in a community", 105),
    Code("unit", "单位", "an organisation's own", 106),
    Code("other", "其他", "other", 255),
)
CONSTRUCTIONS = (
    Code("residential", "居民区", "residential area", 1),
    Code("public_institution", "公共机构", "public institution", 2),
    Code("company", "企事业单位", "company", 3),
    Code("office", "写字楼", "office building", 4),
    Code("industrial_park", "工业园区", "industrial park", 5),
    Code("transport_hub", "交通枢纽", "transport hub", 6),
    Code("stadium", "大型文体设施", "stadium or hall", 7),
    Code("park", "城市绿地", "park", 8),
    Code("car_park", "大型建筑配建停车场", "car park of a large building", 9),
    Code("roadside", "路边停车位", "roadside", 10),
    Code("motorway", "城际高速服务区", "motorway service area", 11),
    Code("scenic_area", "风景区", "scenic area", 12),
    Code("bus_depot", "公交场站", "bus depot", 13),
    Code("filling_station", "加油加气站", "filling station", 14),
    Code("taxi_depot", "出租车场站", "taxi depot", 15),
    Code("other", "其他", "other", 255),
)
PARKINGS = (
    Code("free", "免费", "free", 0),
    Code("paid", "收费", "paid", 1),
    Code("free_for_a_while", "限时免费", "free for a while", 2),
    Code("free_while_charging", "充电减免", "free or reduced while charging", 3),
    Code("see_notice", "见场地公示", "see the notice on site", 255),
)


def of_cec(codes: tuple[Code, ...], number: int) -> str:
    """Return our word for T/CEC 102's number; KeyError."""
    for code in codes:
        if code.cec == number:
            return code.word
    raise KeyError(number)


def of_words(codes: tuple[Code, ...], text: str) -> str:
    """Return our word for what somebody wrote: it, its Chinese or English name, or the number; KeyError."""
    wanted = text.strip().lower()
    for code in codes:
        if wanted in (code.word, code.zh, code.en.lower(), str(code.cec)):
            return code.word
    raise KeyError(text)


def named(codes: tuple[Code, ...], word: str | None, language: str) -> str:
    """Return the name of a word in a language; '' for none."""
    found = next((code for code in codes if code.word == word), None)
    return "" if found is None else found.en if language == "en" else found.zh
