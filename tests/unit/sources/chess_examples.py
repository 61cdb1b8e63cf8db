"""A small config of each kind of source of chess, and changes that each make it another."""

CHESS_EXAMPLES = {
    "chess": (
        {"path": "games.pgn", "length": 16},
        [
            {"length": 8},
            {"order": "board_first"},
            {"path": "other.pgn"},
            {"heldout": "other.pgn"},
            {"min_elo": 1550},
            {"max_elo": 1550},
            {"min_plies": 3},
            {"max_plies": 3},
            {"games": 20},
            {"alphabet": "ascii96"},
        ],
    ),
    "chess_questions": (
        {"path": "puzzles.csv", "question": "puzzle", "length": 100},
        [
            {"length": 99},
            {"path": "values.csv", "question": "value"},
            {"path": "values.csv", "question": "value", "bounds": [-50, 50]},
            {"least_rating": 2000},
            {"sequences": 20},
            {"alphabet": "ascii96"},
        ],
    ),
    "random_chess": (
        {"games": 60, "max_plies": 8, "length": 16},
        [
            {"games": 61},
            {"order": "board_first"},
            {"max_plies": 9},
            {"game_seed": 1},
            {"alphabet": "ascii96"},
            {"length": 8},
        ],
    ),
}
