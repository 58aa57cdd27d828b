_base_ = ['./full.py']

model = dict(
    decode_head=dict(
        pmqs=dict(
            _delete_=True,
            type='PooledPrompt',
            prompt_dims=256,
            query_dims=64,
            hidden_dims=256)))
