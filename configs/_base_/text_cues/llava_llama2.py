# The paper's models: LLaVA-1.5-7B describes, LLaMA-2-7B (chat) reasons.
captioner = dict(
    type='TransformersCaptioner',
    model='llava-hf/llava-1.5-7b-hf',
    prompt='caption_paper',
    dtype='bfloat16')
reasoner = dict(
    type='TransformersReasoner',
    model='meta-llama/Llama-2-7b-chat-hf',
    prompt='few_shot_cot',
    num_cues=4,  # N_T
    dtype='bfloat16')
