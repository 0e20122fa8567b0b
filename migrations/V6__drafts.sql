-- What a person typed of a call that still runs: it becomes the callback's when the call ends, or when the process died in it.
CREATE TABLE drafts (
    call   INTEGER PRIMARY KEY,
    fields TEXT    NOT NULL                   -- JSON
) STRICT;
