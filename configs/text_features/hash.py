# No meaning, a random direction for each phrase: the vectors of SynthAVS's own
# cue bank, to add phrases to it with --update. The hard variant's has
# compose=True, normalize=False.
text_encoder = dict(type='HashTextEncoder', embed_dims=128)
