[playlist]
NumberOfEntries=4
File1=http://radio.example:8000/
Title1=http://title.example/
Length1=-1
file2 = /two.mp3 
File3=three.mp3
FileName4=http://left.example/
File4=mms://old.example/x
Version=2
