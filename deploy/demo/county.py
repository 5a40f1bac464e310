"""The sample county: Ninghai's 18 streets, towns and townships with invented sites, stations, organisations and roles. Pure.

Codes and names are the real divisions' (2024); the centres are rough estimates, for sample data only. Everything else is invented.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from random import Random

from charger_registry.drafts import Filing, OrganisationDraft, RoleDraft, SiteDraft, StationDraft
from charger_registry.identifiers import organisation_check_character
from youguan.credit_codes import USCC_ALPHABET, uscc_check_character

SEED = 20230601
SITES, STATIONS = 240, 3000
UNMANAGED_SHARE = 0.03
EPOCH = datetime(2023, 6, 1, tzinfo=UTC)

DIVISIONS: tuple[tuple[str, str, str, float, float], ...] = (
    ("330226001", "跃龙街道", "Yuelong", 121.425, 29.288),
    ("330226002", "桃源街道", "Taoyuan", 121.438, 29.318),
    ("330226003", "梅林街道", "Meilin", 121.440, 29.382),
    ("330226004", "桥头胡街道", "Qiaotouhu", 121.480, 29.355),
    ("330226101", "长街镇", "Changjie", 121.610, 29.230),
    ("330226102", "力洋镇", "Liyang", 121.565, 29.268),
    ("330226104", "一市镇", "Yishi", 121.405, 29.182),
    ("330226105", "岔路镇", "Chalu", 121.282, 29.288),
    ("330226106", "前童镇", "Qiantong", 121.323, 29.298),
    ("330226107", "桑洲镇", "Sangzhou", 121.210, 29.245),
    ("330226108", "黄坛镇", "Huangtan", 121.322, 29.378),
    ("330226109", "大佳何镇", "Dajiahe", 121.487, 29.415),
    ("330226110", "强蛟镇", "Qiangjiao", 121.570, 29.462),
    ("330226111", "西店镇", "Xidian", 121.435, 29.530),
    ("330226112", "深甽镇", "Shenzhen Town", 121.245, 29.465),
    ("330226200", "胡陈乡", "Huchen", 121.552, 29.338),
    ("330226201", "茶院乡", "Chayuan", 121.508, 29.238),
    ("330226202", "越溪乡", "Yuexi", 121.472, 29.142),
)
PLACES = (
    "文化礼堂",
    "农贸市场",
    "人民医院",
    "实验小学",
    "体育馆",
    "客运站",
    "工业园",
    "商业广场",
    "停车场",
    "村委会",
    "公园",
    "超市",
)
FRONTS = ("东", "西", "南", "北", "新", "中心", "一号", "二号", "三号", "滨江")
MANAGERS = ("甲充", "乙电", "丙行", "丁能", "戊桩", "己驰", "庚源", "辛捷")
KINDS = (("AC", 7_000, 1), ("AC", 7_000, 1), ("DC", 60_000, 1), ("DC", 120_000, 2), ("DC", 180_000, 2))


def sample_county(random: Random) -> Filing:
    """Return the whole county; the same seed gives the same county."""
    sites = _sites(random)
    organisations = sample_organisations(random)
    return Filing(
        sites=sites, organisations=organisations, roles=sample_roles(random, [site.id for site in sites], organisations)
    )


def _sites(random: Random) -> tuple[SiteDraft, ...]:
    counts = _shares(random, SITES, STATIONS)
    return tuple(_site(random, number, count) for number, count in enumerate(counts, 1))


def _shares(random: Random, parts: int, total: int) -> list[int]:
    """Divide a total into so many parts of at least one, uneven as life is."""
    weights = [random.paretovariate(1.6) for _ in range(parts)]
    whole = sum(weights)
    counts = [1 + int((total - parts) * weight / whole) for weight in weights]
    for n in range(total - sum(counts)):
        counts[n % parts] += 1
    return counts


def _site(random: Random, number: int, stations: int) -> SiteDraft:
    code, town, _, longitude, latitude = DIVISIONS[number % len(DIVISIONS)]
    site_id = f"NH{number:04d}"
    place = f"{random.choice(FRONTS)}{random.choice(PLACES)}"
    return SiteDraft(
        id=site_id,
        name=f"{town}{place}充电站",
        longitude=round(longitude + random.gauss(0, 0.012), 6),
        latitude=round(latitude + random.gauss(0, 0.010), 6),
        address=f"{town}示例路{random.randint(1, 300)}号",
        division_code=code,
        stations=tuple(_station(random, f"{site_id}-{n:03d}") for n in range(1, stations + 1)),
        generated=True,
    )


def _station(random: Random, station_id: str) -> StationDraft:
    current, power_w, connectors = random.choice(KINDS)
    return StationDraft(station_id, connectors, power_w, current)


def sample_organisations(random: Random) -> tuple[OrganisationDraft, ...]:
    """Return builders, owners, managers and maintainers, with codes that fit their checksums."""
    names = [
        ("builder", "示例建设集团"),
        ("builder", "示例城投"),
        ("owner", "示例国资公司"),
        ("owner", "示例镇村资产公司"),
    ]
    names += [("manager", f"示例{name}运营公司") for name in MANAGERS]
    names += [("maintainer", "示例运维一公司"), ("maintainer", "示例运维二公司")]
    return tuple(
        OrganisationDraft(
            id=f"{kind}-{number:02d}",
            name=name,
            uscc=_uscc(random),
            phone=f"400-000-{random.randint(0, 9999):04d}",
            generated=True,
        )
        for number, (kind, name) in enumerate(names, 1)
    )


def sample_code(n: int) -> str:
    """Return a credit code whose check characters fit and that nobody has."""
    return _coded(f"{n:08d}")


def _uscc(random: Random) -> str:
    return _coded("".join(random.choice(USCC_ALPHABET) for _ in range(8)))


def _coded(body: str) -> str:
    first17 = f"91330226{body}{organisation_check_character(body)}"
    return first17 + uscc_check_character(first17)


def sample_roles(
    random: Random, site_ids: Sequence[str], organisations: Sequence[OrganisationDraft]
) -> tuple[RoleDraft, ...]:
    """Return who built, owns, manages and maintains; about 3 % of the sites have a builder and nobody else."""
    by_kind: dict[str, list[str]] = {}
    for organisation in organisations:
        by_kind.setdefault(organisation.id.split("-")[0], []).append(organisation.id)
    unmanaged = set(random.sample(list(site_ids), ceil(len(site_ids) * UNMANAGED_SHARE)))
    roles: list[RoleDraft] = []
    for site_id in site_ids:
        built = EPOCH + timedelta(days=random.randint(0, 600))
        roles.append(_role(site_id, "builder", random.choice(by_kind["builder"]), built))
        if site_id not in unmanaged:
            roles += _kept(random, site_id, by_kind, built)
    return tuple(roles)


def _kept(random: Random, site_id: str, by_kind: dict[str, list[str]], built: datetime) -> list[RoleDraft]:
    opened = built + timedelta(days=30)
    first, second = random.sample(by_kind["manager"], 2)
    roles = [
        _role(site_id, "owner", random.choice(by_kind["owner"]), built),
        _role(site_id, "maintainer", random.choice(by_kind["maintainer"]), opened),
    ]
    if random.random() < 0.2:  # one in five has changed hands
        handover = opened + timedelta(days=random.randint(90, 300))
        return [*roles, _role(site_id, "manager", first, opened, handover), _role(site_id, "manager", second, handover)]
    return [*roles, _role(site_id, "manager", first, opened)]


def _role(site_id: str, role: str, organisation_id: str, since: datetime, until: datetime | None = None) -> RoleDraft:
    return RoleDraft(site_id, role, organisation_id, since, until, "sample", "演示数据")
