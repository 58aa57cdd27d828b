# Copyright (c) mmteso contributors. All rights reserved.
"""AudioSet's labels whose words don't name what makes the sound."""

_VOICES = ('Speech', 'Conversation', 'Narration, monologue', 'Shout', 'Bellow',
           'Whoop', 'Yell', 'Battle cry', 'Screaming', 'Whispering',
           'Laughter', 'Giggle', 'Snicker', 'Belly laugh', 'Chuckle, chortle',
           'Crying, sobbing', 'Whimper', 'Wail, moan', 'Sigh', 'Singing',
           'Choir', 'Yodeling', 'Chant', 'Mantra', 'Rapping', 'Humming',
           'Groan', 'Grunt', 'Beatboxing', 'A capella')

# by what sounds; () where a label's last word would mislead
SOUNDS_OF = {
    ('man', 'woman', 'boy', 'girl'): _VOICES,
    ('man', ): ('Male speech, man speaking', 'Male singing'),
    ('woman', ): ('Female speech, woman speaking', 'Female singing'),
    ('boy', 'girl'): ('Child speech, kid speaking', 'Child singing',
                      'Children shouting', 'Children playing'),
    ('baby', ): ('Baby cry, infant cry', 'Baby laughter'),
    ('dog', ): ('Bark', 'Yip', 'Bow-wow', 'Growling'),
    ('dog', 'wolf'): ('Howl', ),
    ('cat', ): ('Purr', 'Meow', 'Caterwaul'),
    ('lion', 'tiger'): ('Roaring cats (lions, tigers)', 'Roar'),
    ('horse', ): ('Clip-clop', 'Neigh, whinny'),
    ('pig', ): ('Oink', ),
    ('sheep', ): ('Bleat', ),
    ('hen', ): ('Cluck', 'Crowing, cock-a-doodle-doo'),
    ('duck', ): ('Quack', ),
    ('goose', ): ('Honk', ),
    ('bird', ): ('Bird vocalization, bird call, bird song', 'Chirp, tweet',
                 'Squawk', 'Coo', 'Caw', 'Hoot'),
    ('drum', ): ('Drum roll', 'Rimshot'),
    ('clock', ): ('Tick', 'Tick-tock'),
    ('saw', ): ('Sawing', ),
    ('frying food', ): ('Frying (food)', 'Sizzle'),
    ('train', ): ('Train whistle', 'Train horn', 'Train wheels squealing'),
    ('car', ): ('Car passing by', ),
    ('airplane', ): ('Aircraft engine', 'Jet engine'),
    (): ('Speech synthesizer', 'Dishes, pots, and pans'),
}
