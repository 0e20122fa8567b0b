-- What callers said to the attendant: audio/wav, one a call. In the database, not in files: written in one transaction with their callback,
-- in every backup, erased for good by one statement.
CREATE TABLE clips (
    call INTEGER PRIMARY KEY,
    at   INTEGER NOT NULL,
    wav  BLOB    NOT NULL
) STRICT;
CREATE INDEX clips_by_time ON clips (at);
