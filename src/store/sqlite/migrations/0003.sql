-- Who may do what, and who did what. Times are milliseconds since the epoch.

create table tokens (
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

create unique index tokens_name on tokens (name_key) where revoked_at_ms is null;

-- An invite may be used by several machines now. Those that were made before are void: they live for hours.
drop table invites;

create table invites (
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

create table invite_uses (
  invite_id text not null,
  instance text not null,
  -- The node that was made with it; null: the machine has arrived, and may not redeem it again.
  node_id text,
  used_at_ms integer not null,
  primary key (invite_id, instance)
) strict, without rowid;

create table audit (
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

-- The triggers keep the program itself, and who edits the file in good faith, from breaking the chain. Whoever means
-- to drops them first: the hashes tell then.

-- It keeps `insert or replace` out too, which deletes without the trigger of deletes.
create trigger audit_grows_at_its_end before insert on audit
when new.seq is not 1 + coalesce((select max(seq) from audit), 0)
  or (new.seq > 1 and new.previous_hash is not (select hash from audit where seq = new.seq - 1))
begin
  select raise(abort, 'the audit is append-only');
end;

create trigger audit_is_never_changed before update on audit
begin
  select raise(abort, 'the audit is append-only');
end;

-- Only the oldest entry may go, so that the rest stays one chain, and never the last.
create trigger audit_is_deleted_from_its_start before delete on audit
when old.seq is not (select min(seq) from audit) or old.seq is (select max(seq) from audit)
begin
  select raise(abort, 'the audit is append-only');
end;
