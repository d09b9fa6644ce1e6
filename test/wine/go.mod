module github.com/wardproc/ward/test/wine

go 1.26.0
