# What does the tutorial type? Its pages include these lines, and the tests run them in a folder with the two files.

# [look]
negsim list
negsim show template

# [check]
negsim check harbour.toml

# [run]
negsim run harbour.toml --runs 500 --seed 1 --out out

# [fit]
negsim fit harbour.toml --chronology events.csv --particles 60 --runs 2 --seed 1 --out out/fit

# [forecast]
negsim forecast out/fit --until 2016-12-31 --runs 400 --out out/forecast --event act:coast::seizure --event stall:isle::licences

# [report]
negsim report out --runs 200

# [end]
