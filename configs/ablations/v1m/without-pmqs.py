_base_ = ['../../teso/teso_swin-b_v1m.py']

model = dict(
    decode_head=dict(
        pmqs=dict(
            _delete_=True,
            type='PooledPrompt',
            prompt_dims=1024,
            query_dims=256,
            hidden_dims=2048)))
