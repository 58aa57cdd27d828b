# As teso.py with 4-bit weights, for smaller GPUs. Needs bitsandbytes. Not run.
_base_ = './teso.py'
quantization = dict(
    load_in_4bit=True,
    bnb_4bit_quant_type='nf4',
    bnb_4bit_compute_dtype='bfloat16')
captioner = dict(quantization=quantization)
reasoner = dict(quantization=quantization)
cue_file = 'data/avsbench/cues_teso-4bit.jsonl'
