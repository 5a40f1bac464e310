"""What the gateway counts."""

from prometheus_client import Counter, Gauge, Histogram

connections = Gauge("youguan_ocpp_connections", "Stations connected", multiprocess_mode="livesum")
frames = Counter("youguan_ocpp_frames_total", "Messages received", ["version", "action"])
acknowledged = Counter("youguan_ocpp_acknowledged_total", "Messages acknowledged after their commit")
refused = Counter("youguan_ocpp_refused_total", "Messages refused", ["code"])
rejected = Counter("youguan_ocpp_handshakes_rejected_total", "Connections that were not accepted", ["reason"])
quarantine_full = Counter("youguan_quarantine_full_total", "Unfiled stations of a source with more than are shown")
acknowledgement_seconds = Histogram(
    "youguan_ocpp_acknowledgement_seconds",
    "From the frame to its answer",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
)
batch_size = Histogram("youguan_recorder_batch_messages", "Messages in a commit", buckets=(1, 5, 20, 100, 500, 2000))
commit_seconds = Histogram(
    "youguan_recorder_commit_seconds", "One commit", buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 1, 10)
)
