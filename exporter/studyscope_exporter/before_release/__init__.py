"""What an approver reads before anything leaves: the preview in words, on paper and on the terminal."""
