CREATE TABLE IF NOT EXISTS main.notes.marks (mark STRING);
INSERT INTO main.notes.marks VALUES (:mark);
INSERT INTO IDENTIFIER(:where || '.marks') VALUES ('{{mark}} by braces');
