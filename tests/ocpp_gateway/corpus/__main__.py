"""`python -m tests.ocpp_gateway.corpus`: write anew what the recorded frames become."""

import json

from tests.ocpp_gateway.corpus.replay import FILES, replay, version_of

for file in FILES:
    frames = [step["frame"] for step in json.loads(file.read_text())]
    written = json.dumps(replay(frames, version_of(file)), indent=1, ensure_ascii=False) + "\n"
    if written != file.read_text():
        file.write_text(written)
        print(file.name)
