"""Every kind of source, registered in `opening`: a new one is one file and its line here."""

from epiplexity_jax.sources.files import (
    document_files,
    fasta,
    images,
    labelled,
    python_stdlib,
    text,
    tfds,
    tokens,
)
from epiplexity_jax.sources.maps import flip_labels, mix, reorder, replay, shuffle, subsample
from epiplexity_jax.sources.opening import register
from epiplexity_jax.sources.python import grain_dataset, iterator, opened
from epiplexity_jax.sources.synthetic import (
    automata,
    boolean,
    cipher,
    grammar,
    in_context,
    induction,
    lcg,
    length_generalisation,
    lfsr,
    mixture,
    modular_addition,
    noise_markov,
    repeat,
    two_features,
    zipf_facts,
)

register(text.Text, text.open_text)
register(python_stdlib.PythonStdlib, python_stdlib.open_python_stdlib)
register(document_files.DocumentFiles, document_files.open_documents)
register(fasta.Fasta, fasta.open_fasta)
register(tokens.Tokens, tokens.open_file)
register(iterator.Iterated, iterator.open_iterator)
register(grain_dataset.Grain, grain_dataset.open_grain)
register(tfds.Tfds, tfds.open_tfds)
register(images.Images, images.open_images)
register(noise_markov.Noise, noise_markov.open_noise)
register(repeat.Repeat, repeat.open_repeat)
register(cipher.Cipher, cipher.open_cipher)
register(lcg.LCG, lcg.open_lcg)
register(lfsr.LFSR, lfsr.open_lfsr)
register(noise_markov.Markov, noise_markov.open_markov)
register(automata.ElementaryCA, automata.open_elementary_ca)
register(induction.Induction, induction.open_induction)
register(mixture.Mixture, mixture.open_mixture)
register(boolean.Boolean, boolean.open_boolean)
register(modular_addition.ModularAddition, modular_addition.open_modular_addition)
register(zipf_facts.ZipfFacts, zipf_facts.open_zipf_facts)
register(in_context.InContext, in_context.open_in_context)
register(grammar.Grammar, grammar.open_grammar)
register(
    length_generalisation.LengthGeneralisation, length_generalisation.open_length_generalisation
)
register(two_features.TwoFeatures, two_features.open_two_features)
register(labelled.Labelled, labelled.open_labelled)
register(shuffle.Shuffle, shuffle.open_shuffle)
register(reorder.Reorder, reorder.open_reorder)
register(flip_labels.FlipLabels, flip_labels.open_flip_labels)
register(mix.Mix, mix.open_mix)
register(subsample.Subsample, subsample.open_subsample)
register(replay.Replay, replay.open_replay)
register(opened.OpenedSource, opened.open_opened, listed=False)
