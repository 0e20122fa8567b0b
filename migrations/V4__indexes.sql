-- A list by outcome is read in its order, without looking at the other rows.
CREATE INDEX calls_by_outcome ON calls (outcome, at, id);
-- What a start looks for: callers to be called back that no callback is about. Nearly always empty.
CREATE INDEX calls_stranded ON calls (id) WHERE callback IS NULL AND direction = 'incoming' AND (outcome IN ('missed', 'attendant', 'interrupted')
    OR (outcome = 'answered' AND reason IN ('promised', 'left_on_hold', 'cut')));
