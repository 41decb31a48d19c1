"""The hospital's own page: exact numbers beside what is published, and the approvers' desk. Off unless configured."""
