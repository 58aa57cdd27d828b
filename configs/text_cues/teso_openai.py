# As teso.py with a server as reasoner: vLLM, llama.cpp, Ollama, TGI, ...
# The environment says where it is, and a key if it wants one:
#   export OPENAI_BASE_URL=http://HOST:8000/v1 OPENAI_API_KEY=...
_base_ = './teso.py'
reasoner = dict(
    _delete_=True,
    type='OpenAIReasoner',
    base_url='{{$OPENAI_BASE_URL:}}',
    model='meta-llama/Llama-2-7b-chat-hf',
    prompt='few_shot_cot',
    num_cues=4,
    concurrency=16)
# the next batch is captioned while the server reasons
generator = dict(batch_size=16, overlap=True)
cue_file = 'data/avsbench/cues_teso-openai.jsonl'
