"""What the register's pages call things; Chinese, translated when shown."""

EQUIPMENT_KINDS = {"camera": "监控摄像", "meter": "计量装置", "sensor": "传感器"}
