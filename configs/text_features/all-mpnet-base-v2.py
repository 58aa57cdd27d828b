# A sentence encoder, 768 dimensions [ours]. Not run yet with the real weights.
text_encoder = dict(
    type='SentenceEncoder',
    model='sentence-transformers/all-mpnet-base-v2',
    pooling='mean',
    template='This is a {cue}.')
