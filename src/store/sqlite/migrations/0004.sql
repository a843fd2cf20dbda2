-- Texts that tokens had before they were given new ones: whoever still has one does not guess. Times are milliseconds
-- since the epoch.

create table former_tokens (
  token_hash text not null primary key,
  rotated_at_ms integer not null
) strict, without rowid;
