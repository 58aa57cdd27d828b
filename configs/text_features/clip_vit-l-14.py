# CLIP's text model, 768 dimensions [ours]. Not run yet with the real weights.
text_encoder = dict(
    type='SentenceEncoder',
    model='openai/clip-vit-large-patch14',
    pooling='eos',
    template='This is a {cue}.')
