"""Labels by people: their judgements, the label that follows from them, how far people agree, what to label next, its worth."""
