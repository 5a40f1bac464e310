"""What causes of tasks, and how bad they are, are called; Chinese, translated when shown."""

from youguan.web.words import ALERTS

CAUSES = {
    **ALERTS,
    "unmanaged_site": "明确管理单位",
    "cannot_charge": "充不上电",
    "connector_damaged": "充电枪或线缆损坏",
    "screen_dead": "屏幕不亮、扫码无反应",
    "danger": "冒烟、漏电等危险情况",
    "bay_occupied": "充电车位被占",
    "overcharged": "多扣费、乱扣费",
    "price_unposted": "没有公示价格",
    "sign_missing": "标识不清、找不到",
    "nobody_answers": "无人管理、电话打不通",
    "fire_equipment": "消防设施问题",
    "electrical_safety": "电气安全问题",
    "metering": "计量问题",
    "other": "其他问题",
}
SEVERITIES = {"critical": "危险", "major": "严重", "minor": "一般", "info": "轻微"}
