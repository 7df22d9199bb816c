"""Questions asked of the decision log again and again, one file a question, documented like the views."""
