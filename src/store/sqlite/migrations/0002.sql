-- The queue: how a message wants to be delivered, when its cancel was asked for, and what became of dead letters.

alter table tasks add column cancel_requested_at_ms integer;
update tasks set cancel_requested_at_ms = created_at_ms where is_cancel_requested = 1;
alter table tasks drop column is_cancel_requested;

-- JSON; null for what most messages are: synchronous, without priority, times or a retry policy of their own.
alter table tasks add column delivery text;

alter table tasks add column retried_as text;
alter table tasks add column discarded_at_ms integer;

create index tasks_dead_letters on tasks (id)
  where state = 'failed' and retried_as is null and discarded_at_ms is null;
