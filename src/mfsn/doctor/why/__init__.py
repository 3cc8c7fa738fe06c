"""Why a row has the key it has."""
