# A plain Mask2Former on TeSO's narrow ResNet-18, told what sounds through its
# features, where TeSO tells its mask queries.
_base_ = ['./teso_r18_synthavs-800it.py']

in_channels = [32, 64, 128, 256]
model = dict(
    fusion=dict(
        type='AudioTextFusion',
        in_channels=in_channels,
        prompt_dims=256,
        embed_dims=64,
        hidden_dims=256),
    # without pmqs TeSOHead is mmseg's Mask2FormerHead
    decode_head=dict(pmqs=None))
