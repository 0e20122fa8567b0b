-- The same rows as before. A list of words in the condition is a table that SQLite builds anew for each row written; a chain of comparisons is none.
DROP INDEX calls_stranded;
CREATE INDEX calls_stranded ON calls (id) WHERE callback IS NULL AND direction = 'incoming' AND (outcome = 'missed' OR outcome = 'attendant' OR outcome = 'interrupted'
    OR (outcome = 'answered' AND (reason = 'promised' OR reason = 'left_on_hold' OR reason = 'cut')));
