-- The queue: how a message wants to be delivered, when its cancel was asked for, and what became of dead letters.
-- The table is made anew because what is small has to come before what may be large: a column behind a large one is
-- read by way of all its pages.

drop index tasks_unfinished;
drop index tasks_idempotency;
alter table tasks rename to tasks_of_version_1;

create table tasks (
  id text not null primary key,
  state text not null,
  -- Newest attempt, 0 before the first: the fence of every change.
  attempt integer not null,
  cancel_requested_at_ms integer,
  ended_at_ms integer,
  node_id text,
  -- The task that runs this ended one again.
  retried_as text,
  -- When a failed one was taken off the dead letters.
  discarded_at_ms integer,
  subject text not null,
  source text not null,
  session text,
  target text,
  effects text not null,
  infer integer not null,
  timeout_ms integer not null,
  created_at_ms integer not null,
  idempotency_key text,
  body_hash text,
  -- JSON; null for what most messages are: synchronous, without priority, times or a retry policy of their own.
  delivery text,
  -- The beginning of a content that is longer; null: the content is short enough to be its own. What lists show must not
  -- cost all pages of a large content.
  content_preview text,
  requires text not null,
  labels text not null,
  failure text,
  -- A list in order of number. A table of its own was measured to cost a message 3.5 µs more CPU.
  attempts text not null,
  decision text,
  content text not null,
  response text
) strict;

insert into tasks (
  id, state, attempt, cancel_requested_at_ms, ended_at_ms, node_id, subject, source, session, target, effects, infer,
  timeout_ms, created_at_ms, idempotency_key, body_hash, content_preview, requires, labels, failure, attempts, decision,
  content, response
) select
  id, state, attempt, iif(is_cancel_requested = 1, created_at_ms, null), ended_at_ms, node_id, subject, source, session,
  target, effects, infer, timeout_ms, created_at_ms, idempotency_key, body_hash,
  iif(length(content) > 200, substr(content, 1, 200), null), requires, labels, failure, attempts, decision, content,
  response
from tasks_of_version_1 order by rowid;

drop table tasks_of_version_1;

create index tasks_unfinished on tasks (id) where state in ('queued', 'running');

create index tasks_dead_letters on tasks (id)
  where state = 'failed' and retried_as is null and discarded_at_ms is null;

create unique index tasks_idempotency on tasks (subject, idempotency_key) where idempotency_key is not null;

-- The token that the coordinator calls a node with, when it has a direct endpoint: in the clear, as it has to be sent.
alter table nodes add column direct_token text;
