module github.com/wardproc/ward/ci/tally

go 1.26.0
