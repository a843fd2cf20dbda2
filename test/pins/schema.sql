pragma user_version = 5;

CREATE TRIGGER audit_grows_at_its_end before insert on audit
when new.seq is not 1 + coalesce((select max(seq) from audit), 0)
  or (new.seq > 1 and new.previous_hash is not (select hash from audit where seq = new.seq - 1))
begin
  select raise(abort, 'the audit is append-only');
end;

CREATE TRIGGER audit_is_deleted_from_its_start before delete on audit
when old.seq is not (select min(seq) from audit) or old.seq is (select max(seq) from audit)
begin
  select raise(abort, 'the audit is append-only');
end;

CREATE TRIGGER audit_is_never_changed before update on audit
begin
  select raise(abort, 'the audit is append-only');
end;

CREATE TABLE audit (
  seq integer not null primary key,
  at text not null,
  subject text not null,
  address text,
  action text not null,
  target text,
  result text not null,
  -- JSON.
  details text not null,
  previous_hash text not null,
  hash text not null
) strict;

CREATE TABLE former_tokens (
  token_hash text not null primary key,
  rotated_at_ms integer not null
) strict, without rowid;

CREATE TABLE groups (
  name_key text not null primary key,
  name text not null,
  definition text not null
) strict, without rowid;

CREATE TABLE invite_uses (
  invite_id text not null,
  instance text not null,
  -- The node that was made with it; null: the machine has arrived, and may not redeem it again.
  node_id text,
  used_at_ms integer not null,
  primary key (invite_id, instance)
) strict, without rowid;

CREATE TABLE invites (
  id text not null primary key,
  code_hash text not null unique,
  created_at_ms integer not null,
  created_by text not null,
  expires_at_ms integer not null,
  uses integer not null,
  name text,
  -- JSON lists.
  tags text not null,
  groups text not null
) strict, without rowid;

CREATE TABLE meta (
  key text not null primary key,
  value text not null
) strict, without rowid;

CREATE TABLE migrations (version integer primary key, checksum text not null, applied_at_ms integer not null) strict;

CREATE TABLE nodes (
  id text not null primary key,
  name text not null,
  -- The name as it is compared: folded.
  name_key text not null,
  capabilities text not null,
  added_tags text not null,
  removed_tags text not null,
  scheduling text not null,
  weight real not null,
  token_hash text not null,
  transport text not null,
  endpoint text,
  version text,
  joined_at_ms integer not null,
  last_seen_at_ms integer not null,
  hidden_at_ms integer,
  is_removed integer not null
, direct_token text) strict, without rowid;

CREATE UNIQUE INDEX nodes_name on nodes (name_key) where hidden_at_ms is null;

CREATE TABLE rules (
  id text not null primary key,
  position integer not null,
  definition text not null
) strict, without rowid;

CREATE TABLE session_bindings (
  subject text not null,
  session text not null,
  node_id text not null,
  bound_at_ms integer not null,
  last_used_at_ms integer not null, runtime text,
  primary key (subject, session)
) strict, without rowid;

CREATE INDEX session_bindings_last_used on session_bindings (last_used_at_ms);

CREATE TABLE tasks (
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

CREATE INDEX tasks_dead_letters on tasks (id)
  where state = 'failed' and retried_as is null and discarded_at_ms is null;

CREATE UNIQUE INDEX tasks_idempotency on tasks (subject, idempotency_key) where idempotency_key is not null;

CREATE INDEX tasks_unfinished on tasks (id) where state in ('queued', 'running');

CREATE TABLE tokens (
  id text not null primary key,
  name text not null,
  -- The name as it is compared: folded.
  name_key text not null,
  token_hash text not null unique,
  shown text not null,
  -- JSON: lists of words; groups null: all nodes.
  scopes text not null,
  groups text,
  rate_per_minute integer,
  is_untrusted integer not null,
  created_at_ms integer not null,
  created_by text not null,
  rotated_at_ms integer,
  expires_at_ms integer,
  last_used_at_ms integer,
  last_used_from text,
  revoked_at_ms integer
) strict, without rowid;

CREATE UNIQUE INDEX tokens_name on tokens (name_key) where revoked_at_ms is null;
