"""Every kind of source, registered in `opening`: a new one is one file and its line here."""

from epiplexity_jax.sources.files import (
    chess_games,
    chess_questions,
    document_files,
    fasta,
    images,
    labelled,
    package_files,
    photographs,
    python_stdlib,
    text,
    tfds,
    tokens,
)
from epiplexity_jax.sources.maps import (
    apply_rule,
    compile_python,
    dedupe,
    encrypt,
    flip_labels,
    mix,
    reorder,
    replay,
    retokenise,
    shuffle,
    sort,
    subsample,
)
from epiplexity_jax.sources.opening import register
from epiplexity_jax.sources.python import grain_dataset, iterator, opened
from epiplexity_jax.sources.synthetic import (
    automata,
    boolean,
    cipher,
    connect_four,
    grammar,
    in_context,
    induction,
    lcg,
    length_generalisation,
    lfsr,
    life,
    lorenz,
    markov_rows,
    mixture,
    modular_addition,
    noise_markov,
    pairs,
    random_chess,
    repeat,
    tic_tac_toe,
    tic_tac_toe_questions,
    two_features,
    zipf_facts,
)

register(text.Text, text.open_text)
register(python_stdlib.PythonStdlib, python_stdlib.open_python_stdlib)
register(package_files.PackageFiles, package_files.open_package_files)
register(document_files.DocumentFiles, document_files.open_documents)
register(fasta.Fasta, fasta.open_fasta)
register(chess_games.Chess, chess_games.open_chess)
register(chess_questions.ChessQuestions, chess_questions.open_chess_questions)
register(tokens.Tokens, tokens.open_file)
register(iterator.Iterated, iterator.open_iterator)
register(grain_dataset.Grain, grain_dataset.open_grain)
register(tfds.Tfds, tfds.open_tfds)
register(images.Images, images.open_images)
register(photographs.Photographs, photographs.open_photographs)
register(noise_markov.Noise, noise_markov.open_noise)
register(repeat.Repeat, repeat.open_repeat)
register(cipher.Cipher, cipher.open_cipher)
register(lcg.LCG, lcg.open_lcg)
register(lfsr.LFSR, lfsr.open_lfsr)
register(lorenz.Lorenz, lorenz.open_lorenz)
register(pairs.Pairs, pairs.open_pairs)
register(noise_markov.Markov, noise_markov.open_markov)
register(markov_rows.MarkovRows, markov_rows.open_markov_rows)
register(automata.ElementaryCA, automata.open_elementary_ca)
register(life.Life, life.open_life)
register(induction.Induction, induction.open_induction)
register(tic_tac_toe.TicTacToe, tic_tac_toe.open_tic_tac_toe)
register(tic_tac_toe_questions.TicTacToeQuestions, tic_tac_toe_questions.open_tic_tac_toe_questions)
register(random_chess.RandomChess, random_chess.open_random_chess)
register(connect_four.ConnectFour, connect_four.open_connect_four)
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
register(apply_rule.ApplyRule, apply_rule.open_apply_rule)
register(dedupe.Dedupe, dedupe.open_dedupe)
register(compile_python.CompilePython, compile_python.open_compile_python)
register(encrypt.Encrypt, encrypt.open_encrypt)
register(sort.Sort, sort.open_sort)
register(retokenise.Retokenise, retokenise.open_retokenise)
register(flip_labels.FlipLabels, flip_labels.open_flip_labels)
register(mix.Mix, mix.open_mix)
register(subsample.Subsample, subsample.open_subsample)
register(replay.Replay, replay.open_replay)
register(opened.OpenedSource, opened.open_opened, listed=False)
