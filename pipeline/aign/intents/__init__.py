"""What operators say: words become requests, requests words; by rules alone, with questions in place of guesses."""
