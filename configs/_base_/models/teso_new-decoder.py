# TeSO on a backbone from ImageNet, where no Mask2Former with that backbone is
# published. Frozen is, as in the paper, what is pretrained and adapted: the
# backbone, adapters in its attention. Pixel decoder, transformer decoder and
# queries start from nothing, so they train, and adapters in them would only be
# more of what trains already. Leaf configs add backbone, adapters and
# in_channels.
_base_ = ['./teso_mask2former_swin-b.py']

model = dict(frozen=['backbone', 'audio_encoder'])
load_from = None
