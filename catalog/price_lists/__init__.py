"""Price lists, their versions, and the book that finds every price a buyer might have."""
