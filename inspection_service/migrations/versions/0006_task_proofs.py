"""Where tasks come from, their terms to the hour, who hears when they are late, what proves them, and their papers."""

from alembic import op

from youguan.migration import run_script

revision = "0006"
down_revision = "0005"

SCRIPT = """
CREATE TABLE inspection.team (id text PRIMARY KEY, name text NOT NULL, divisions text[] NOT NULL);

-- The terms are data of the programme now: tasks/rules.toml.
DROP TABLE inspection.mending_period, inspection.reopening;

ALTER TABLE inspection.task
    ALTER alert_id DROP NOT NULL,
    ADD origin text NOT NULL DEFAULT 'alert' CHECK (origin IN ('alert', 'inspection', 'public', 'department', 'hand')),
    ADD fires boolean NOT NULL DEFAULT false,
    ADD due_at timestamptz,
    ADD urged integer NOT NULL DEFAULT 0,
    ADD urge_at timestamptz,
    ADD team_id text,
    ADD team_name text,
    ADD mended_by text,
    ADD awaiting text CHECK (awaiting IN ('source', 'probe', 'inspector', 'sampling')),
    ADD await_until timestamptz,
    ADD probe_id text,
    ADD time_asked boolean NOT NULL DEFAULT false,
    ADD request jsonb,
    ADD reopened integer NOT NULL DEFAULT 0,
    ADD merged_into text REFERENCES inspection.task;
UPDATE inspection.task t SET
    fires = state IN ('open', 'accepted', 'mended'),
    due_at = (coalesce(due_on, (opened_at AT TIME ZONE 'Asia/Shanghai')::date + 30) + time '17:30') AT TIME ZONE 'Asia/Shanghai',
    team_id = coalesce('team-' || division_code, 'team-county'),
    team_name = coalesce((SELECT division_name FROM inspection.site s WHERE s.id = t.site_id) || '执法队', '县指挥中心');
UPDATE inspection.task SET urge_at = due_at WHERE state IN ('open', 'accepted');
UPDATE inspection.task SET awaiting = 'inspector' WHERE state = 'mended';
ALTER TABLE inspection.task
    ALTER due_at SET NOT NULL, ALTER team_id SET NOT NULL, ALTER team_name SET NOT NULL, ALTER origin DROP DEFAULT,
    ALTER fires DROP DEFAULT, DROP due_on;

DROP INDEX inspection.task_newest, inspection.task_open;
CREATE INDEX task_newest ON inspection.task (opened_at DESC, id DESC);
CREATE INDEX task_open ON inspection.task (opened_at DESC, id DESC) WHERE state <> 'closed';
CREATE INDEX task_state ON inspection.task (state, opened_at DESC, id DESC);
CREATE INDEX task_assignee ON inspection.task (assignee_id, opened_at DESC, id DESC);
CREATE INDEX task_team ON inspection.task (team_id, opened_at DESC, id DESC) WHERE state <> 'closed';
CREATE INDEX task_visit ON inspection.task (opened_at DESC, id DESC)
    WHERE state <> 'closed' AND (awaiting = 'inspector' OR urged >= 3);
CREATE INDEX task_request ON inspection.task (opened_at DESC, id DESC) WHERE request IS NOT NULL;
CREATE INDEX task_urging ON inspection.task (urge_at) WHERE urge_at IS NOT NULL;
CREATE INDEX task_waiting ON inspection.task (await_until) WHERE await_until IS NOT NULL;
CREATE UNIQUE INDEX task_probe ON inspection.task (probe_id) WHERE probe_id IS NOT NULL;
CREATE INDEX task_merged ON inspection.task (merged_into) WHERE merged_into IS NOT NULL;

ALTER TABLE inspection.task_history
    ADD role text NOT NULL DEFAULT 'machine', ADD latitude double precision, ADD longitude double precision;
ALTER TABLE inspection.task_history ALTER role DROP DEFAULT;

CREATE TABLE inspection.task_paper (
    task_id text NOT NULL,
    place integer NOT NULL,
    number integer NOT NULL,
    sha256 text NOT NULL,
    size_bytes bigint NOT NULL,
    media_type text NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (task_id, place, number),
    FOREIGN KEY (task_id, place) REFERENCES inspection.task_history
);
CREATE TRIGGER unchanging BEFORE UPDATE OR DELETE ON inspection.task_paper
    FOR EACH ROW EXECUTE FUNCTION eventlog.refuse_change();
"""


def upgrade() -> None:
    run_script(op.get_bind(), SCRIPT)
