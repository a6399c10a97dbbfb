"""What trained learners are measured by, and what they are held against."""
