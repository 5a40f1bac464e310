"""What the states, steps and members of a filing are called on its pages."""

STATES = {
    "draft": ("", "草稿"),
    "submitted": ("busy", "待审核"),
    "supplement_required": ("warn", "待补正"),
    "accepted": ("good", "已备案"),
    "in_operation": ("good", "运营中"),
    "suspended": ("warn", "已停运"),
    "retired": ("", "已注销"),
    "withdrawn": ("", "已撤回"),
    "rejected": ("bad", "不予备案"),
    "lapsed": ("bad", "备案失效"),
}
STEPS = {
    "begin": "新建",
    "submit": "提交",
    "withdraw": "撤回",
    "admit": "受理",
    "require_supplement": "要求补正",
    "accept": "准予备案",
    "reject": "决定不予备案",
    "start": "投入运营",
    "suspend": "停运",
    "resume": "恢复运营",
    "retire": "注销",
    "rate": "评价",
    "accept_paper": "认可补交材料",
    "refuse_paper": "不认可补交材料",
    "lapse": "承诺材料逾期未补，备案失效",
    "restore": "撤销失效、恢复备案",
}
ACTORS = {"applicant": "申请单位", "authority": "主管部门", "clerk": "窗口代办", "filer": "申请单位", "system": "系统"}
LABELS = {
    "name": "场站名称",
    "address": "地址",
    "division_code": "所属镇街",
    "longitude": "经度",
    "latitude": "纬度",
    "crs": "坐标系",
    "usage": "场站类型",
    "contact_name": "联系人",
    "contact_phone": "联系电话",
    "builder": "建设单位",
    "owner": "产权单位",
    "manager": "运营管理单位",
    "maintainer": "运维单位",
    "property_manager": "物业",
    "managed_from": "管理起始日",
    "managed_until": "合同到期日",
    "contract_number": "合同编号",
    "stations": "充电桩",
    "committed": "告知承诺",
}
STATION_LABELS = {"id": "桩编号", "connectors": "枪数", "power_kw": "功率 kW", "current_type": "交流/直流"}
SYSTEMS = {
    "gcj02": "GCJ-02（高德、腾讯地图）",
    "bd09": "BD-09（百度地图）",
    "wgs84": "WGS-84（卫星定位）",
    "cgcs2000": "CGCS2000（天地图）",
}
RATINGS = {5: "非常满意", 4: "满意", 3: "基本满意", 2: "不满意", 1: "非常不满意"}
# What becomes of a role with the acceptance, and what a file in force is beside a ledger that has gone on.
EFFECTS = {
    "same": ("", "不变"),
    "stays": ("", "不变（本备案未填）"),
    "begins": ("busy", "准予后由其承担"),
    "succeeds": ("busy", "准予后接替已注销的单位"),
    "refused": ("bad", "与台账不一致：须先交接，或由监管指令指定"),
    "nobody": ("", "无"),
}
SINCE_FILED = {
    "same": ("", "一致"),
    "stays": ("", "本备案未填"),
    "begins": ("warn", "台账现无单位承担"),
    "succeeds": ("warn", "台账所载单位已注销"),
    "refused": ("warn", "备案后已变更，以台账为准"),
    "nobody": ("", "无"),
}
SHARES = {
    "online": "一网通办率",
    "timely_acceptance": "及时受理率",
    "on_time_completion": "按时办结率",
    "satisfaction": "好评率",
}
