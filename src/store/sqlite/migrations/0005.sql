-- Which runtime of its node has a conversation: its history is there. null: not known, as of those bound before.

alter table session_bindings add column runtime text;
