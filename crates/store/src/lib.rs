mod error; mod sealing; mod statement; mod value;
