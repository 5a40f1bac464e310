"""An act is known by who, where and until when; a case that is archived stays what it ended as."""

from alembic import op

from youguan.migration import run_script

revision = "0005"
down_revision = "0004"

SCRIPT = """
ALTER TABLE inspection.fined_act DROP CONSTRAINT fined_act_pkey;
ALTER TABLE inspection.fined_act ADD COLUMN decided_on date;
UPDATE inspection.fined_act f SET decided_on = (
    SELECT coalesce((facts->>'decided_on')::date, act_on) FROM inspection.case_file c WHERE c.id = f.case_id
);
ALTER TABLE inspection.fined_act ALTER COLUMN decided_on SET NOT NULL;
ALTER TABLE inspection.fined_act DROP COLUMN act_key;
ALTER TABLE inspection.fined_act ADD PRIMARY KEY (case_id);
ALTER TABLE inspection.case_file DROP COLUMN act_key;
CREATE INDEX case_party_id ON inspection.case_file (party_id, item_id) WHERE party_id IS NOT NULL;

UPDATE inspection.case_file c SET
    state = h.previous,
    facts = c.facts || jsonb_build_object('archived_on', (h.at AT TIME ZONE 'Asia/Shanghai')::date)
FROM inspection.case_history h
WHERE c.state = 'archived' AND h.case_id = c.id AND h.command = 'archive';
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
