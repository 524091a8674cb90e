"""Files to arrays: codecs and containers, in physical units. No model, no SQL."""
