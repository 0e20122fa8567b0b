-- The people whose numbers are known. `folded` is the name in small letters without accents, `digits` the number as it is dialled in France.
CREATE TABLE contacts (
    id     INTEGER PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,              -- E.164
    name   TEXT NOT NULL,
    note   TEXT NOT NULL,
    folded TEXT NOT NULL,
    digits TEXT NOT NULL
) STRICT;
CREATE INDEX contacts_by_name ON contacts (folded, number);
