"""What a study is: where its files are, and which figures and tables it makes; loads fast."""
